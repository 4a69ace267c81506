/* An image in another size: result i of an axis lies at (i step + start) / whole; `sharp`: it is the value before. */
struct resize {
    int32_t multiplier, shift, in_h, in_w, channels, out_h, out_w, step_h, start_h, whole_h, step_w, start_w, whole_w;
    int32_t sharp, in_zero, out_zero, low, high;
};

KERNEL void resize(const struct resize *restrict p, const int8_t *restrict x, int8_t *restrict y)
{
    const int32_t whole_h = p->sharp ? 1 : p->whole_h, whole_w = p->sharp ? 1 : p->whole_w, line = p->in_w * p->channels;
    for (int32_t oy = 0; oy < p->out_h; oy++) {
        const int32_t at_y = oy * p->step_h + p->start_h > 0 ? oy * p->step_h + p->start_h : 0;
        const int32_t row = at_y / p->whole_h < p->in_h ? at_y / p->whole_h : p->in_h - 1;
        const int32_t down = p->sharp ? 0 : at_y % p->whole_h, below = row + 1 < p->in_h ? line : 0;
        for (int32_t ox = 0; ox < p->out_w; ox++) {
            const int32_t at_x = ox * p->step_w + p->start_w > 0 ? ox * p->step_w + p->start_w : 0;
            const int32_t column = at_x / p->whole_w < p->in_w ? at_x / p->whole_w : p->in_w - 1;
            const int32_t aside = p->sharp ? 0 : at_x % p->whole_w, beside = column + 1 < p->in_w ? p->channels : 0;
            const int8_t *from = x + row * line + column * p->channels;
            for (int32_t c = 0; c < p->channels; c++, from++) {
                const int32_t upper = (whole_w - aside) * from[0] + aside * from[beside];
                const int32_t lower = (whole_w - aside) * from[below] + aside * from[below + beside];
                const int32_t sum = (whole_h - down) * upper + down * lower - whole_h * whole_w * p->in_zero;
                *y++ = clamped(rescale(sum, p->multiplier, p->shift) + p->out_zero, p->low, p->high);
            }
        }
    }
}
