/* round(product / 2^shift), half to even. */
KERNEL int32_t rescale_any(int64_t product, int32_t shift)
{
    const int64_t odd = (product >> shift) & 1;
    const int64_t result = (product + ((int64_t)1 << (shift - 1)) - 1 + odd) >> shift;
    return result > 32767 ? 32767 : result < -32768 ? -32768 : (int32_t)result;
}

/* round(sum * multiplier / 2^shift), the exact product rounded once, half to even; 1 <= shift <= 62.
   Right shifts of negative values are arithmetic, as with every compiler for these processors. */
INSIDE int32_t rescale(int32_t sum, int32_t multiplier, int32_t shift)
{
    const int64_t product = (int64_t)sum * multiplier;
    const int32_t high = (int32_t)(product >> 32), down = shift - 32;
    if (down <= 0)
        return rescale_any(product, shift);
    const int32_t half = high + ((int32_t)1 << (down - 1));
    if ((uint32_t)product != 0)
        return half >> down;
    return (half - (~(high >> down) & 1)) >> down;
}
