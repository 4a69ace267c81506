/* The mean of each window. */
KERNEL void mean_pool(const struct pool *restrict p, const int8_t *restrict x, int8_t *restrict y)
{
    int32_t window = 0;
    for (int32_t oy = 0; oy < p->out_h; oy++)
        for (int32_t ox = 0; ox < p->out_w; ox++, window++)
            for (int32_t c = 0; c < p->channels; c++) {
                const int32_t scale = window * p->per_window;
                int32_t sum = 0;
                for (int32_t ky = 0; ky < p->k_h; ky++)
                    for (int32_t kx = 0; kx < p->k_w; kx++) {
                        const int32_t row = oy * p->stride_h - p->pad_h + ky;
                        const int32_t column = ox * p->stride_w - p->pad_w + kx;
                        if (row >= 0 && row < p->in_h && column >= 0 && column < p->in_w)
                            sum += x[(row * p->in_w + column) * p->channels + c] - p->in_zero;
                    }
                const int32_t mean = rescale(sum, p->multiplier[scale], p->shift[scale]);
                *y++ = clamped(mean + p->out_zero, p->low, p->high);
            }
}
