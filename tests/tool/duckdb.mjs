// Runs SQL in DuckDB and prints each result as JSON rows: node duckdb.mjs FOLDER-OF-NPM-PACKAGES QUERY...
import { createRequire } from 'node:module';
const [folder, ...queries] = process.argv.slice(2);
const { DuckDBInstance } = createRequire(folder + '/')('@duckdb/node-api');
const connection = await (await DuckDBInstance.create(':memory:')).connect();
for (const query of queries)
    console.log(JSON.stringify((await connection.runAndReadAll(query)).getRowsJson()));
