/* Adds n products of inputs with the weights of four filters, which lie `filter` apart, to their four sums.
   A function of its own keeps the sums in registers. */
KERNEL void dot4(int32_t *restrict sums, const int8_t *x, const int8_t *w0, int32_t filter, int32_t n)
{
    const int8_t *w1 = w0 + filter, *w2 = w1 + filter, *w3 = w2 + filter, *end = x + n;
    int32_t s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3];
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

/* The same for n inputs that are padding, that is the code of zero. */
static void pad4(int32_t *restrict sums, int32_t zero, const int8_t *w, int32_t filter, int32_t n)
{
    for (int32_t k = 0; k < 4 && zero != 0 && n > 0; k++)
        sums[k] += zero * sum_8bit(w, k * filter, n);
}
