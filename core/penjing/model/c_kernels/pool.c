/* A window over [in_h][in_w][channels]; with `per_window` 1 every window has its own multiplier. */
struct pool {
    const int32_t *multiplier;
    const int8_t *shift;
    int32_t per_window, in_h, in_w, channels, out_h, out_w, k_h, k_w;
    int32_t stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, in_zero, out_zero, low, high;
};
