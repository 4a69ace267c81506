/* Rows of `classes` values to the logarithms of their shares, in 1/65536: -S d - ln(sum of exp(-S d)), d the distance
   from the largest; the table holds exp(-S d) 2^23. */
struct log_softmax {
    const int32_t *table;
    int32_t multiplier, shift, rows, classes, step, down, out_zero, low, high;
};

/* ln(value / 2^23) in 1/65536, of values from 2^23 up to 2^53: log2 bit by bit, by squaring. */
KERNEL int32_t logarithm(int64_t value)
{
    int64_t found = 0;
    int32_t bits = 23;
    while (value >> bits > 1)
        bits++;
    uint64_t mantissa = bits > 31 ? (uint64_t)value >> (bits - 31) : (uint64_t)value << (31 - bits);
    found = bits - 23;
    for (int32_t i = 0; i < 20; i++) {
        mantissa = mantissa * mantissa >> 31;
        const uint64_t one = mantissa >> 32;
        mantissa >>= one;
        found = 2 * found + (int64_t)one;
    }
    return (int32_t)((found * 45426 + 524288) >> 20);
}

KERNEL void log_softmax(const struct log_softmax *p, const int8_t *x, int8_t *y)
{
    for (int32_t r = 0; r < p->rows; r++, x += p->classes, y += p->classes) {
        int32_t most = -128;
        int64_t whole = 0;
        for (int32_t i = 0; i < p->classes; i++)
            most = x[i] > most ? x[i] : most;
        for (int32_t i = 0; i < p->classes; i++)
            whole += p->table[most - x[i]];
        const int32_t all = logarithm(whole);
        for (int32_t i = 0; i < p->classes; i++) {
            const int64_t own = ((int64_t)(most - x[i]) * p->step + ((int64_t)1 << (p->down - 1))) >> p->down;
            const int32_t code = rescale(-(int32_t)own - all, p->multiplier, p->shift);
            y[i] = clamped(code + p->out_zero, p->low, p->high);
        }
    }
}
