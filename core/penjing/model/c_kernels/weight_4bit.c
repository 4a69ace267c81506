/* Weight i of two in a byte, the first in the low half. */
INSIDE int32_t weight_4bit(const void *weights, int32_t i)
{
    const int32_t nibble = ((const uint8_t *)weights)[i >> 1] >> 4 * (i & 1) & 15;
    return (nibble ^ 8) - 8;
}
