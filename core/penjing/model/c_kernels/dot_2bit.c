/* Sum of n products of inputs with the weights from `start` on. */
INSIDE int32_t dot_2bit(const int8_t *x, const void *weights, int32_t start, int32_t n)
{
    const int32_t stop = start + n;
    int32_t sum = 0, i = start;
    for (; i < stop && i % 4 != 0; i++)
        sum += *x++ * weight_2bit(weights, i);
    for (; stop - i >= 4; i += 4, x += 4) {
        const int32_t four = ((const uint8_t *)weights)[i >> 2];
        sum += x[0] * (((four & 3) ^ 2) - 2) + x[1] * (((four >> 2 & 3) ^ 2) - 2);
        sum += x[2] * (((four >> 4 & 3) ^ 2) - 2) + x[3] * (((four >> 6) ^ 2) - 2);
    }
    for (; i < stop; i++)
        sum += *x++ * weight_2bit(weights, i);
    return sum;
}
