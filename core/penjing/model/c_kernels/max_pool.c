/* The largest value of each window; padding never wins. */
KERNEL void max_pool(const struct pool *restrict p, const int8_t *restrict x, int8_t *restrict y)
{
    for (int32_t oy = 0; oy < p->out_h; oy++)
        for (int32_t ox = 0; ox < p->out_w; ox++)
            for (int32_t c = 0; c < p->channels; c++) {
                int32_t most = -128;
                for (int32_t ky = 0; ky < p->k_h; ky++)
                    for (int32_t kx = 0; kx < p->k_w; kx++) {
                        const int32_t row = oy * p->stride_h - p->pad_h + ky * p->dilation_h;
                        const int32_t column = ox * p->stride_w - p->pad_w + kx * p->dilation_w;
                        if (row < 0 || row >= p->in_h || column < 0 || column >= p->in_w)
                            continue;
                        const int32_t value = x[(row * p->in_w + column) * p->channels + c];
                        most = value > most ? value : most;
                    }
                *y++ = clamped(most, p->low, p->high);
            }
}
