/* sum * multiplier / 2^shift, rounded twice, half away from zero (gemmlowp, TensorFlow Lite, CMSIS-NN). */
INSIDE int32_t rescale(int32_t sum, int32_t multiplier, int32_t shift)
{
    const int32_t left = shift < 31 ? 31 - shift : 0;
    const int32_t right = shift > 31 ? shift - 31 : 0;
    const int64_t product = (int64_t)sum * ((int64_t)1 << left) * multiplier;
    const int64_t nudge = product >= 0 ? (int64_t)1 << 30 : 1 - ((int64_t)1 << 30);
    const int64_t high = (product + nudge) / ((int64_t)1 << 31);
    const int64_t mask = ((int64_t)1 << right) - 1;
    const int64_t result = (high >> right) + ((high & mask) > (mask >> 1) + (high < 0));
    return result > 32767 ? 32767 : result < -32768 ? -32768 : (int32_t)result;
}
