/* Sum of n products of inputs with the weights from `start` on. */
INSIDE int32_t dot_8bit(const int8_t *x, const void *weights, int32_t start, int32_t n)
{
    const int8_t *w = (const int8_t *)weights + start;
    int32_t sum = 0;
    for (int32_t i = 0; i < n; i++)
        sum += x[i] * w[i];
    return sum;
}
