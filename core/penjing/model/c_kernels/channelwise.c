/* What works on each value with numbers of its channel, or of all. */
struct scaled {
    const int32_t *weights;
    const int32_t *bias;
    const int32_t *multiplier;
    const int8_t *shift;
    int32_t per_channel, count, channels, in_zero, out_zero, low, high;
};
