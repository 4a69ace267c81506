/* A convolution over [in_h][in_w][in_c]. The bias holds -in_zero times the sum of the weights, too, where `folded`
   kernels read it: they multiply codes as they are. With `per_channel` 1 every filter has its own multiplier. */
struct conv {
    const void *weights;
    const int8_t *weight_zeros;
    const int32_t *bias;
    const int32_t *multiplier;
    const int8_t *shift;
    int32_t per_channel, in_h, in_w, in_c, out_h, out_w, out_c, k_h, k_w;
    int32_t stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, groups, in_zero, out_zero, low, high;
};

/* The code of a finished sum of filter o. */
INSIDE int8_t conv_code(const struct conv *p, int32_t sum, int32_t o)
{
    const int32_t scale = o * p->per_channel;
    return clamped(rescale(sum, p->multiplier[scale], p->shift[scale]) + p->out_zero, p->low, p->high);
}

/* The first tap of a window at `start` that is not padding. */
INSIDE int32_t first_tap(int32_t start, int32_t taps, int32_t dilation)
{
    const int32_t tap = start < 0 ? (-start + dilation - 1) / dilation : 0;
    return tap < taps ? tap : taps;
}

/* One past its last tap that is not padding. */
INSIDE int32_t last_tap(int32_t start, int32_t taps, int32_t dilation, int32_t extent)
{
    const int32_t tap = start < extent ? (extent - start + dilation - 1) / dilation : 0;
    return tap < taps ? tap : taps;
}
