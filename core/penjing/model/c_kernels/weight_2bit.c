/* Weight i of four in a byte, the first in the lowest bits. */
INSIDE int32_t weight_2bit(const void *weights, int32_t i)
{
    const int32_t pair = ((const uint8_t *)weights)[i >> 2] >> 2 * (i & 3) & 3;
    return (pair ^ 2) - 2;
}
