/* round(sum / 2^shift), half to even; 1 <= shift <= 62. */
INSIDE int32_t rescale_sum(int64_t sum, int32_t shift)
{
    const int64_t odd = (sum >> shift) & 1;
    const int64_t result = (sum + ((int64_t)1 << (shift - 1)) - 1 + odd) >> shift;
    return result > 32767 ? 32767 : result < -32768 ? -32768 : (int32_t)result;
}
