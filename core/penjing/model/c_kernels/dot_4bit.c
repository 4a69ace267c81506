/* Sum of n products of inputs with the weights from `start` on. */
INSIDE int32_t dot_4bit(const int8_t *x, const void *weights, int32_t start, int32_t n)
{
    const uint8_t *w = (const uint8_t *)weights + (start + 1) / 2;
    const int8_t *end = x + n;
    int32_t sum = 0;
    if (start % 2 != 0 && n > 0)
        sum += *x++ * weight_4bit(weights, start);
    for (; end - x >= 2; x += 2) {
        const int32_t pair = *w++;
        sum += x[0] * (((pair & 15) ^ 8) - 8) + x[1] * (((pair >> 4) ^ 8) - 8);
    }
    if (x != end)
        sum += *x * weight_4bit(weights, start + n - 1);
    return sum;
}
