'use strict';
const data = JSON.parse(document.getElementById('data').textContent);
const $ = id => document.getElementById(id);
const el = (name, properties = {}, ...children) => {
    const e = Object.assign(document.createElement(name), properties);
    e.append(...children);
    return e;
};
const number = n => Math.round(n).toLocaleString('en');
const short = n => {
    let u = 0;
    for (; n >= 1000 && u < 6; u++) n /= 1000;
    return (u === 0 ? Math.round(n) : +(n >= 100 ? n.toFixed(0) : n.toFixed(n >= 10 ? 1 : 2))) + ['', 'k', 'M', 'G', 'T', 'P', 'E'][u];
};
const power = n => n < 1024 ? String(n) : bytes(n).replace(/ ?i?B$/, 'i').replace(' ', '');
const bytes = n => {
    let u = 0;
    for (; n >= 1024 && u < 6; u++) n /= 1024;
    return (u === 0 || n >= 100 ? Math.round(n) : +n.toFixed(1)) + ' ' + ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'][u];
};
const percent = (part, whole) => whole ? (100 * part / whole).toFixed(part / whole < .1 ? 2 : 1) + '%' : '–';
const hex = s => s.replace(/^0x/, '').padStart(8, '0');

/* ---- light and dark ---- */

const root = document.documentElement;
const darkSystem = matchMedia('(prefers-color-scheme: dark)');
let scheme = null;
const applyScheme = () => { root.dataset.scheme = scheme || (darkSystem.matches ? 'dark' : 'light'); };
applyScheme();
darkSystem.addEventListener('change', () => { applyScheme(); draw(); });
$('scheme').onclick = () => { scheme = root.dataset.scheme === 'dark' ? 'light' : 'dark'; applyScheme(); draw(); };
const color = name => getComputedStyle(root).getPropertyValue('--' + name).trim();

/* ---- in short ---- */

const t = data.timeline, meta = data.meta, all = data.reads + data.writes;
$('guest').textContent = meta.guest || data.file;
$('origin').textContent = [data.file + ', ' + bytes(data.file_bytes), meta.engine && meta.engine + ' engine', meta.cpu,
    meta.run && 'run ' + meta.run, data.whole ? '' : 'a part of the trace'].filter(Boolean).join(' · ');
const user = data.by_cpl[3];
const ticks = meta['tsc.end'] - meta['tsc.start'], seconds = ticks / meta['tsc.hz'];
const tiles = [
    [short(all), 'accesses', number(all)],
    [percent(data.writes, all), 'writes', number(data.writes)],
    [percent(user, all), 'by user code', number(user)],
    [short(t.end - t.first), t.unit, number(t.end - t.first)],
    [bytes(data.bytes_read + data.bytes_written), 'moved', ''],
    [bytes(data.workingset.all.lines * 64), 'memory in use', number(data.workingset.all.pages) + ' pages of 4 KiB'],
    [short(data.deliveries), 'interrupts', number(data.deliveries) + ' interrupts and exceptions'],
];
if (seconds > 0 && isFinite(seconds)) tiles.push([seconds < 1 ? (seconds * 1e3).toFixed(1) + ' ms' : seconds.toFixed(2) + ' s', 'recorded', '']);
const lost = data.events.lost;
tiles.push([lost ? short(lost) : 'none', 'accesses lost', number(lost)]);
for (const [value, name, title] of tiles)
    $('tiles').append(el('div', {className: 'tile', title}, el('b', {textContent: value}), el('span', {textContent: name})));

const warnings = [];
if (data.events.lost) warnings.push(number(data.events.lost) + ' events were lost: the ring was full.');
if (data.events.filtered) warnings.push(number(data.events.filtered) + ' events were kept out by filters.');
warnings.push(...data.events.gaps, ...data.events.finding.filter(f => !data.events.gaps.includes(f)));
if (warnings.length) {
    $('warnings').hidden = false;
    $('warnings').append(el('b', {textContent: 'What is missing'}), el('ul', {}, ...warnings.map(w => el('li', {textContent: w}))));
}

/* ---- tables ---- */

const bar = (parts, most) => {
    const box = el('div', {className: 'bars'});
    for (const [name, n] of parts) {
        const piece = el('i', {className: name});
        piece.style.width = 100 * n / most + '%';
        box.append(piece);
    }
    return el('td', {className: 'bar'}, box);
};
const key = (...pairs) => el('div', {className: 'key'}, ...pairs.map(([name, text]) => el('span', {}, el('i', {className: name}), text)));
const table = (heads, rows) => el('table', {}, el('thead', {}, el('tr', {}, ...heads.map(h => el('th', {textContent: h})))), el('tbody', {}, ...rows));
const cell = (text, className = '', title = '') => el('td', {textContent: text, className, title});

function hotTable(id, rows, name) {
    if (!rows || !rows.length) {
        $(id).append(el('p', {className: 'empty', textContent: 'none'}));
        return;
    }
    const most = Math.max(...rows.map(r => r.reads + r.writes));
    $(id).append(key(['r', 'reads'], ['w', 'writes']), table(['', '', 'accesses', ''], rows.slice(0, 16).map(r =>
        el('tr', {}, cell(name(r), 'place', name(r)), bar([['r', r.reads], ['w', r.writes]], most),
            cell(short(r.reads + r.writes), '', number(r.reads) + ' reads, ' + number(r.writes) + ' writes'),
            cell(percent(r.reads + r.writes, all), 'muted')))));
}
const place = r => hex(r.address) + (r.symbol ? '  ' + r.symbol : '');
hotTable('code', data.top.code, place);
hotTable('pages', data.top.page, r => hex(r.address));
hotTable('lines', data.top.line, r => hex(r.address));
if (data.top.symbol) {
    $('symbols-card').hidden = false;
    hotTable('symbols', data.top.symbol, r => r.symbol);
}
hotTable('sizes', data.by_size, r => r.name);
hotTable('causes', data.by_cause, r => r.name);
const cpls = data.by_cpl.map((n, i) => [i, n]).filter(([, n]) => n);
$('causes').append(el('h3', {textContent: 'Privilege level'}), table(['', '', 'accesses', ''], cpls.map(([i, n]) =>
    el('tr', {}, cell('CPL ' + i, 'place'), bar([[i === 3 ? 'u' : 'k', n]], Math.max(...data.by_cpl)), cell(short(n), '', number(n)),
        cell(percent(n, all), 'muted')))));
if (data.by_flag.length)
    $('sizes').append(el('h3', {textContent: 'Of these'}), table(['', 'accesses', ''], data.by_flag.map(f =>
        el('tr', {}, cell(f.name, 'place'), cell(short(f.accesses), '', number(f.accesses)), cell(percent(f.accesses, all), 'muted')))));

data.cache.levels.forEach((level, i) => {
    const rows = [];
    for (const who of ['kernel', 'user'])
        for (const what of ['reads', 'writes']) {
            const c = level[who][what];
            if (c.uses) rows.push(el('tr', {}, cell(who + ' ' + what, 'place'), bar([['miss', c.misses]], c.uses),
                cell(short(c.misses), '', number(c.misses) + ' of ' + number(c.uses)), cell(percent(c.misses, c.uses), 'muted')));
        }
    $('caches').append(el('h3', {}, 'Level ' + (i + 1) + ' ', el('span', {className: 'muted', textContent: bytes(level.bytes) + ', ' +
        level.ways + '-way, lines of ' + level.line_bytes + ' bytes, ' + level.replacement})),
        rows.length ? table(['', '', 'misses', ''], rows) : el('p', {className: 'empty', textContent: 'no accesses'}));
});
$('caches').append(el('p', {className: 'muted', textContent: number(data.cache.memory_lines_read) + ' lines read from memory, ' +
    number(data.cache.memory_lines_written) + ' written back.'}));

const silent = data['silent-stores'], judged = silent.writes - silent.unknown;
$('silent').append(el('p', {className: 'muted', textContent: number(silent.silent) + ' of ' + number(judged) + ' writes to bytes that are known (' +
    percent(silent.silent, judged) + ')'}));
if (silent.code.length) {
    const most = Math.max(...silent.code.map(r => r.writes));
    $('silent').append(key(['miss', 'silent'], ['hit', 'not']), table(['', '', 'silent', ''], silent.code.slice(0, 12).map(r => el('tr', {},
        cell(hex(r.rip) + (r.symbol ? '  ' + r.symbol : ''), 'place'), bar([['miss', r.silent], ['hit', r.writes - r.silent]], most),
        cell(short(r.silent), '', number(r.silent) + ' of ' + number(r.writes)), cell(percent(r.silent, r.writes), 'muted')))));
}

const sharing = data.sharing;
$('sharing').append(el('p', {className: 'muted', textContent: number(sharing.lines.true) + ' lines with true sharing, ' +
    number(sharing.lines.false) + ' with false sharing, ' + number(sharing.lines['read-shared']) + ' only read.'}));
if (sharing.shared.length)
    $('sharing').append(table(['line', 'sharing', 'by', 'handed over'], sharing.shared.slice(0, 12).map(s => el('tr', {},
        cell(hex(s.gpa), 'place'), cell(s.sharing), cell(s.by.map(b => b.who === 'kernel' ? 'kernel' : 'user ' + b.cr3).join(', ')),
        cell(short(s.handovers), '', number(s.handovers))))));

$('events').append(table(['', 'events'], [['recorded in the run', data.events.recorded], ['shown here', data.events.here],
    ['lost, the ring was full', data.events.lost], ['kept out by filters', data.events.filtered],
    ['in packets that cannot be read', data.events.undecoded]].filter(([, n]) => n !== undefined)
    .map(([name, n]) => el('tr', {}, cell(name, 'place'), cell(number(n))))));
if (t.marks.length)
    $('events').append(el('h3', {textContent: 'Marks and lines of the guest’s console'}), table([t.unit, ''], t.marks.map(m =>
        el('tr', {}, cell(number(m.time), 'place'), el('td', {textContent: m.text, style: 'text-align:left;white-space:normal'})))));
$('meta').append(el('table', {}, el('tbody', {}, ...Object.entries(meta).map(([k, v]) => el('tr', {}, cell(k, 'place'), cell(v))))));

/* ---- charts ---- */

const COLUMNS = t.columns, LEFT = 92, RIGHT = 22;
let view = [0, COLUMNS], mode = 'all', split = 'kind', drag = null;
const timeAt = column => t.first + (t.end - t.first) * column / COLUMNS;

function canvas(id) {
    const c = $(id), ratio = devicePixelRatio || 1, width = c.clientWidth, height = +c.getAttribute('height');
    c.style.height = height + 'px';
    if (c.width !== Math.round(width * ratio) || c.dataset.height !== String(height * ratio)) {
        c.width = Math.round(width * ratio);
        c.height = Math.round(height * ratio);
        c.dataset.height = height * ratio;
        c.setAttribute('height', height);
    }
    const g = c.getContext('2d');
    g.setTransform(c.width / width, 0, 0, c.height / height, 0, 0);
    g.clearRect(0, 0, width, height);
    g.font = '11px ' + getComputedStyle(document.body).fontFamily;
    return {g, width, height, plot: width - LEFT - RIGHT};
}
function steps(low, high, count, binary) {
    const raw = (high - low) / count || 1, unit = 10 ** Math.floor(Math.log10(raw)), list = [];
    const step = binary ? 2 ** Math.ceil(Math.log2(raw)) : [1, 2, 5, 10].map(f => f * unit).find(s => s >= raw);
    for (let i = Math.ceil(low / step); i * step <= high && list.length < 50; i++) list.push(i * step);
    return list;
}
function timeAxis(k, top, bottom) {
    const [a, b] = view.map(timeAt);
    k.g.fillStyle = color('muted');
    k.g.strokeStyle = color('grid');
    k.g.textAlign = 'center';
    for (const v of steps(a, b, Math.max(2, k.plot / 130))) {
        const x = Math.round(LEFT + k.plot * (v - a) / (b - a)) + .5;
        k.g.beginPath(); k.g.moveTo(x, top); k.g.lineTo(x, bottom); k.g.stroke();
        k.g.fillText(short(v), x, bottom + 13);
    }
}
function valueAxis(k, high, top, bottom, text) {
    k.g.textAlign = 'right';
    for (const v of steps(0, high, 3, text === bytes)) {
        const y = Math.round(bottom - (bottom - top) * v / high) + .5;
        k.g.strokeStyle = color('grid');
        k.g.beginPath(); k.g.moveTo(LEFT, y); k.g.lineTo(k.width - RIGHT, y); k.g.stroke();
        k.g.fillStyle = color('muted');
        k.g.fillText(text(v), LEFT - 8, y + 4);
    }
}
const xOf = (k, column) => LEFT + k.plot * (column - view[0]) / (view[1] - view[0]);
function selection(k, top, bottom) {
    if (!drag) return;
    const [a, b] = [drag.from, drag.to].map(c => xOf(k, c));
    k.g.globalAlpha = .16;
    k.g.fillStyle = color('accent');
    k.g.fillRect(Math.min(a, b), top, Math.abs(b - a), bottom - top);
    k.g.globalAlpha = 1;
}

function layers() {
    return split === 'kind'
        ? [['read', c => t.kernel_reads[c] + t.user_reads[c]], ['write', c => t.kernel_writes[c] + t.user_writes[c]]]
        : [['kernel', c => t.kernel_reads[c] + t.kernel_writes[c]], ['user', c => t.user_reads[c] + t.user_writes[c]]];
}
function drawTimeline() {
    const k = canvas('timeline'), top = 16, bottom = k.height - 20, parts = layers();
    let high = 1;
    for (let c = Math.floor(view[0]); c < view[1]; c++) high = Math.max(high, parts[0][1](c) + parts[1][1](c));
    timeAxis(k, top, bottom);
    valueAxis(k, high, top, bottom, short);
    for (let c = Math.floor(view[0]); c < Math.ceil(view[1]); c++) {
        let y = bottom;
        for (const [name, of] of parts) {
            const h = (bottom - top) * of(c) / high;
            k.g.fillStyle = color(name);
            k.g.fillRect(Math.max(LEFT, xOf(k, c)), y - h, xOf(k, c + 1) - Math.max(LEFT, xOf(k, c)) + .35, h);
            y -= h;
        }
    }
    k.g.fillStyle = color('ink');
    k.g.strokeStyle = color('muted');
    k.g.textAlign = 'left';
    let free = -1e9;
    for (const m of t.marks) {
        const x = xOf(k, COLUMNS * (m.time - t.first) / (t.end - t.first));
        if (x < LEFT || x > k.width - RIGHT) continue;
        const text = m.text.length > 28 ? m.text.slice(0, 27) + '…' : m.text, w = k.g.measureText(text).width;
        const fits = x > free && x + w + 6 < k.width;
        k.g.setLineDash([2, 3]);
        k.g.beginPath(); k.g.moveTo(x + .5, fits ? 4 : top - 4); k.g.lineTo(x + .5, fits ? bottom : top); k.g.stroke();
        k.g.setLineDash([]);
        if (fits) {
            k.g.fillText(text, x + 4, 11);
            free = x + w + 14;
        }
    }
    selection(k, top, bottom);
}

const ramp = {
    light: [[233, 241, 248], [156, 200, 233], [62, 138, 200], [25, 78, 140], [16, 34, 74]],
    dark: [[34, 44, 60], [58, 62, 130], [150, 60, 140], [236, 110, 80], [252, 226, 140]],
};
function shade(share) {
    const stops = ramp[root.dataset.scheme], at = Math.min(share, .9999) * 4, i = Math.floor(at), f = at - i;
    return stops[i].map((v, c) => Math.round(v + (stops[i + 1][c] - v) * f));
}
/* The share of writes: from the colour of reads to that of writes. */
const rgb = name => color(name).match(/\w\w/g).map(h => parseInt(h, 16));
const cellValue = (r, w) => mode === 'reads' ? r : mode === 'writes' ? w : r + w;
const heat = {rows: data.heatmap.map(row => {
    const grid = new Float64Array(2 * COLUMNS);
    for (let i = 0; i < row.cells.length; i += 3) {
        grid[2 * row.cells[i]] = row.cells[i + 1];
        grid[2 * row.cells[i] + 1] = row.cells[i + 2];
    }
    return {first: row.first, last: row.last, grid};
})};
function rowLabel(i) { return hex(heat.rows[i].first); }
function drawHeatmap() {
    const n = heat.rows.length, element = $('heatmap');
    element.setAttribute('height', Math.max(90, Math.min(520, n * 9 + 30)));
    const k = canvas('heatmap'), top = 4, bottom = k.height - 20, first = Math.floor(view[0]), end = Math.ceil(view[1]);
    timeAxis(k, top, bottom);
    if (!n) return;
    let high = 1;
    for (const row of heat.rows)
        for (let c = first; c < end; c++) high = Math.max(high, cellValue(row.grid[2 * c], row.grid[2 * c + 1]));
    const image = new ImageData(end - first, n), reads = rgb('read'), writes = rgb('write');
    heat.rows.forEach((row, y) => {
        for (let c = first; c < end; c++) {
            const r = row.grid[2 * c], w = row.grid[2 * c + 1], v = cellValue(r, w), at = 4 * (y * (end - first) + c - first);
            if (!v) continue;
            const share = w / (r + w);
            const [red, green, blue] = mode === 'mix' ? reads.map((x, i) => x + (writes[i] - x) * share) : shade(Math.log1p(v) / Math.log1p(high));
            image.data.set([red, green, blue, 255], at);
        }
    });
    const off = new OffscreenCanvas(end - first, n);
    off.getContext('2d').putImageData(image, 0, 0);
    k.g.imageSmoothingEnabled = false;
    k.g.save();
    k.g.beginPath(); k.g.rect(LEFT, top, k.plot, bottom - top); k.g.clip();
    k.g.drawImage(off, xOf(k, first), top, xOf(k, end) - xOf(k, first), bottom - top);
    k.g.restore();
    k.g.fillStyle = color('line');
    for (let i = 1; i < n; i++)
        if (BigInt(heat.rows[i].first) !== BigInt(heat.rows[i - 1].last) + 1n)
            k.g.fillRect(LEFT - 6, Math.round(top + (bottom - top) * i / n), k.plot + 6, 1);
    k.g.textAlign = 'right';
    k.g.fillStyle = color('muted');
    const every = Math.max(1, Math.ceil(n * 14 / (bottom - top)));
    for (let i = 0; i < n; i += every)
        k.g.fillText(rowLabel(i), LEFT - 8, top + (bottom - top) * (i + .5) / n + 4);
    selection(k, top, bottom);
    const gradient = mode === 'mix' ? [color('read'), color('write')] : [0, .25, .5, .75, 1].map(s => 'rgb(' + shade(s) + ')');
    const strip = el('i');
    strip.style.background = 'linear-gradient(90deg,' + gradient.join(',') + ')';
    $('scale').replaceChildren(mode === 'mix' ? 'only reads' : '1', strip, mode === 'mix' ? 'only writes' : short(high) + ' in a cell (logarithmic)');
}

function drawWorkingSet() {
    const k = canvas('workingset'), top = 6, bottom = k.height - 20, w = data.workingset.intervals, length = data.workingset.interval;
    const [a, b] = view.map(timeAt);
    const shown = w.filter(v => v.from + length > a && v.from < b), high = Math.max(1, ...shown.map(v => v.lines * 64));
    timeAxis(k, top, bottom);
    valueAxis(k, high, top, bottom, bytes);
    for (const [name, of] of [['read', v => v.lines], ['write', v => v.written_lines]]) {
        k.g.beginPath();
        k.g.save();
        k.g.rect(LEFT, 0, k.plot, k.height); k.g.clip();
        k.g.beginPath();
        shown.forEach((v, i) => {
            const x = LEFT + k.plot * (v.from - a) / (b - a), x1 = LEFT + k.plot * (v.from + length - a) / (b - a);
            const y = bottom - (bottom - top) * of(v) * 64 / high;
            if (i === 0) k.g.moveTo(x, y);
            k.g.lineTo(x, y); k.g.lineTo(x1, y);
        });
        k.g.strokeStyle = color(name);
        k.g.lineWidth = 2;
        k.g.stroke();
        k.g.lineWidth = 1;
        k.g.restore();
    }
    selection(k, top, bottom);
}

function drawReuse() {
    const k = canvas('reuse'), top = 8, bottom = k.height - 36, r = data.reuse;
    const columns = [...r.distances, {first: true, reads: r.first.reads, writes: r.first.writes}];
    const high = Math.max(1, ...columns.map(c => c.reads + c.writes)), step = k.plot / columns.length;
    valueAxis(k, high, top, bottom, short);
    k.g.textAlign = 'center';
    columns.forEach((c, i) => {
        let y = bottom;
        for (const [name, n] of [['read', c.reads], ['write', c.writes]]) {
            const h = (bottom - top) * n / high;
            k.g.fillStyle = color(name);
            k.g.fillRect(LEFT + i * step + 1, y - h, step - 2, h);
            y -= h;
        }
        k.g.fillStyle = color('muted');
        if (c.first) k.g.fillText('new', LEFT + (i + .5) * step, bottom + 14);
        else if (step > 34 || i % 2 === 0) k.g.fillText(power(c.from), LEFT + (i + .5) * step, bottom + 14);
    });
    k.g.fillText('other lines used since the line’s last use, at least', LEFT + k.plot / 2, bottom + 31);
}

function drawSpan() {
    const [a, b] = view.map(timeAt), zoomed = view[0] > 0 || view[1] < COLUMNS;
    $('span').textContent = t.unit + ' ' + number(a) + ' to ' + number(b) + (zoomed ? ' · zoomed ' + (COLUMNS / (view[1] - view[0])).toFixed(1) + '×' : '');
    $('reset').disabled = !zoomed;
}
function draw() {
    drawSpan();
    drawTimeline();
    drawHeatmap();
    drawWorkingSet();
    drawReuse();
}

/* ---- zooming, tips ---- */

const setView = (a, b) => {
    const least = 4;
    if (b - a < least) [a, b] = [(a + b - least) / 2, (a + b + least) / 2];
    view = [Math.max(0, a), Math.min(COLUMNS, b)];
    draw();
};
function tip(event, text) {
    const box = $('tip');
    box.hidden = !text;
    if (!text) return;
    box.textContent = text;
    box.style.left = Math.min(event.clientX + 14, innerWidth - box.offsetWidth - 8) + 'px';
    box.style.top = Math.min(event.clientY + 16, innerHeight - box.offsetHeight - 8) + 'px';
}
function columnAt(element, event) {
    const box = element.getBoundingClientRect(), share = (event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT);
    return view[0] + Math.max(0, Math.min(1, share)) * (view[1] - view[0]);
}
const tips = {
    timeline: c => t.unit + ' ' + number(timeAt(c)) + ' …\n' + number(t.kernel_reads[c] + t.user_reads[c]) + ' reads, ' +
        number(t.kernel_writes[c] + t.user_writes[c]) + ' writes\n' + number(t.kernel_reads[c] + t.kernel_writes[c]) + ' kernel, ' +
        number(t.user_reads[c] + t.user_writes[c]) + ' user\n' + number(t.deliveries[c]) + ' interrupts and exceptions',
    heatmap: (c, y) => {
        const row = heat.rows[Math.floor(y * heat.rows.length)];
        return row && hex(row.first) + ' to ' + hex(row.last) + '\n' + t.unit + ' ' + number(timeAt(c)) + ' …\n' + number(row.grid[2 * c]) +
            ' reads, ' + number(row.grid[2 * c + 1]) + ' writes';
    },
    workingset: c => {
        const v = data.workingset.intervals.filter(i => i.from <= timeAt(c + .5)).pop();
        return v && number(v.lines) + ' lines in use (' + bytes(64 * v.lines) + '), ' + number(v.written_lines) + ' written\n' + number(v.pages) +
            ' pages, ' + number(v.written_pages) + ' written';
    },
};
for (const id of ['timeline', 'heatmap', 'workingset']) {
    const c = $(id);
    c.onpointerdown = e => {
        if (e.button !== 0) return;
        drag = {from: columnAt(c, e), to: columnAt(c, e)};
        c.setPointerCapture(e.pointerId);
    };
    c.onpointermove = e => {
        const box = c.getBoundingClientRect(), column = Math.min(COLUMNS - 1, Math.floor(columnAt(c, e)));
        const bottom = box.height - 20, y = (e.clientY - box.top - 4) / (bottom - 4);
        tip(e, e.clientX < box.left + LEFT || y < 0 || y >= 1 ? '' : tips[id](column, y));
        if (drag) {
            drag.to = columnAt(c, e);
            draw();
        }
    };
    c.onpointerup = () => {
        const d = drag;
        drag = null;
        if (d && Math.abs(d.to - d.from) > (view[1] - view[0]) / 200) setView(Math.min(d.from, d.to), Math.max(d.from, d.to));
        else draw();
    };
    c.onpointercancel = () => { drag = null; draw(); };
    c.onpointerleave = e => tip(e, '');
    c.ondblclick = () => setView(0, COLUMNS);
    c.addEventListener('wheel', e => {
        if (!e.ctrlKey) return;
        e.preventDefault();
        const at = columnAt(c, e), f = e.deltaY < 0 ? .8 : 1.25;
        setView(at - (at - view[0]) * f, at + (view[1] - at) * f);
    }, {passive: false});
}

/* ---- what is shown ---- */

function choice(options, get, set) {
    const group = el('div', {className: 'group'});
    const show = () => [...group.children].forEach(b => b.setAttribute('aria-pressed', b.value === get()));
    for (const [value, text] of options)
        group.append(el('button', {type: 'button', value, textContent: text, onclick: () => { set(value); show(); draw(); }}));
    show();
    return group;
}
$('time-tools').append(
    choice([['kind', 'reads and writes'], ['cpl', 'kernel and user']], () => split, v => { split = v; legend(); }),
    choice([['all', 'all'], ['reads', 'reads'], ['writes', 'writes'], ['mix', 'read or write']], () => mode, v => { mode = v; }),
    el('button', {id: 'reset', type: 'button', textContent: 'whole trace', onclick: () => setView(0, COLUMNS)}));
const legendBox = el('div');
$('timeline').before(legendBox);
function legend() {
    legendBox.replaceChildren(split === 'kind' ? key(['r', 'reads'], ['w', 'writes']) : key(['k', 'kernel'], ['u', 'user']));
}
$('workingset').before(key(['r', 'in use'], ['w', 'written']));
$('reuse').before(key(['r', 'reads'], ['w', 'writes']));
legend();
new ResizeObserver(() => requestAnimationFrame(draw)).observe(document.querySelector('main'));
