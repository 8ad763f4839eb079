/* Products of matrices of doubles. */
#include "mix.h"

#define SIZE 34

static double a[SIZE][SIZE], b[SIZE][SIZE], product[SIZE][SIZE];

static void fill(double m[SIZE][SIZE], uint64_t *seed)
{
    for (int i = 0; i < SIZE; i++)
        for (int k = 0; k < SIZE; k++)
            m[i][k] = (double)(int32_t)random_below(seed, 2000) * 0.001 - 1.0;
}

/* Row by row, so that the inner loop goes along rows of both. */
static void multiply(double to[SIZE][SIZE], double left[SIZE][SIZE], double right[SIZE][SIZE])
{
    for (int i = 0; i < SIZE; i++) {
        for (int k = 0; k < SIZE; k++)
            to[i][k] = 0;
        for (int j = 0; j < SIZE; j++) {
            double factor = left[i][j];
            for (int k = 0; k < SIZE; k++)
                to[i][k] += factor * right[j][k];
        }
    }
}

uint64_t mix_matrix(uint64_t seed)
{
    uint64_t sum = 0, bits;

    fill(a, &seed);
    fill(b, &seed);
    multiply(product, a, b);
    multiply(a, product, b);
    for (int i = 0; i < SIZE; i++)
        for (int k = 0; k < SIZE; k++) {
            memcpy(&bits, &a[i][k], sizeof bits);
            sum = fold(sum, bits);
        }
    return sum;
}
