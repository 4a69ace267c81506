/* Weight i. */
INSIDE int32_t weight_8bit(const void *weights, int32_t i)
{
    return ((const int8_t *)weights)[i];
}
