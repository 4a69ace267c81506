/* Rows of `classes` values to probabilities in 1/256; the table holds exp(-S d) 2^23 by distance d from the largest. */
struct softmax {
    const int32_t *table;
    int32_t rows, classes, out_zero, low, high;
};

KERNEL void softmax(const struct softmax *p, const int8_t *x, int8_t *y)
{
    for (int32_t r = 0; r < p->rows; r++, x += p->classes, y += p->classes) {
        int32_t most = -128;
        int64_t whole = 0;
        for (int32_t i = 0; i < p->classes; i++)
            most = x[i] > most ? x[i] : most;
        for (int32_t i = 0; i < p->classes; i++)
            whole += p->table[most - x[i]];
        for (int32_t i = 0; i < p->classes; i++) {
            const int64_t share = (512 * (int64_t)p->table[most - x[i]] + whole) / (2 * whole);
            y[i] = clamped((int32_t)share + p->out_zero, p->low, p->high);
        }
    }
}
