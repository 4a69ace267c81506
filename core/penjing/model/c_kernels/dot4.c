/* Adds n products of inputs with the weights of four filters, which lie `filter` apart, to their four sums.
   A function of its own keeps the sums in registers. */
KERNEL void dot4(int32_t *restrict sums, const int8_t *x, const int8_t *w0, int32_t filter, int32_t n)
{
    const int8_t *w1 = w0 + filter, *w2 = w1 + filter, *w3 = w2 + filter;
    const int8_t *end = x + n, *fours = x;
    int32_t s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3];
    for (; x != fours; x += 4, w0 += 4, w1 += 4, w2 += 4, w3 += 4) {
        const struct four inputs = four_at(x);
        s0 = add_four(s0, inputs, four_at(w0));
        s1 = add_four(s1, inputs, four_at(w1));
        s2 = add_four(s2, inputs, four_at(w2));
        s3 = add_four(s3, inputs, four_at(w3));
    }
    while (x != end) {
        const int32_t value = *x++;
        s0 += value * *w0++;
        s1 += value * *w1++;
        s2 += value * *w2++;
        s3 += value * *w3++;
    }
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
}

/* The same for two filters and two inputs, which lie `step` apart: sums by filter, then by input. */
KERNEL void dot2x2(int32_t *restrict sums, const int8_t *x0, int32_t step, const int8_t *w0, int32_t filter, int32_t n)
{
    const int8_t *x1 = x0 + step, *w1 = w0 + filter, *end = x0 + n, *fours = x0;
    int32_t s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3];
    for (; x0 != fours; x0 += 4, x1 += 4, w0 += 4, w1 += 4) {
        const struct four a0 = four_at(x0), a1 = four_at(x1);
        const struct four b0 = four_at(w0), b1 = four_at(w1);
        s0 = add_four(s0, a0, b0);
        s1 = add_four(s1, a1, b0);
        s2 = add_four(s2, a0, b1);
        s3 = add_four(s3, a1, b1);
    }
    while (x0 != end) {
        const int32_t a0 = *x0++, a1 = *x1++, b0 = *w0++, b1 = *w1++;
        s0 += a0 * b0;
        s1 += a1 * b0;
        s2 += a0 * b1;
        s3 += a1 * b1;
    }
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
}

/* The same for n inputs that are padding, that is the code of zero. */
static void pad4(int32_t *restrict sums, int32_t zero, const int8_t *w, int32_t filter, int32_t n)
{
    for (int32_t k = 0; k < 4 && zero != 0 && n > 0; k++)
        sums[k] += zero * sum_8bit(w, k * filter, n);
}
