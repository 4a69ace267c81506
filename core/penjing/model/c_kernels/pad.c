/* Values around [in_h][in_w][in_c]: zeros (mode 0), mirrored (1) or repeated (2). */
struct pad {
    int32_t mode, in_h, in_w, in_c, out_h, out_w, out_c, top, left, front, zero;
};

INSIDE int32_t pad_source(int32_t place, int32_t extent, int32_t mode)
{
    if (mode == 0 || (place >= 0 && place < extent))
        return place;
    if (mode == 2)
        return place < 0 ? 0 : extent - 1;
    return place < 0 ? -place : 2 * (extent - 1) - place;
}

KERNEL void pad(const struct pad *p, const int8_t *x, int8_t *y)
{
    for (int32_t row = 0; row < p->out_h; row++)
        for (int32_t column = 0; column < p->out_w; column++)
            for (int32_t channel = 0; channel < p->out_c; channel++) {
                const int32_t iy = pad_source(row - p->top, p->in_h, p->mode);
                const int32_t ix = pad_source(column - p->left, p->in_w, p->mode), ic = channel - p->front;
                const int inside = iy >= 0 && iy < p->in_h && ix >= 0 && ix < p->in_w && ic >= 0 && ic < p->in_c;
                *y++ = (int8_t)(inside ? x[(iy * p->in_w + ix) * p->in_c + ic] : p->zero);
            }
}
