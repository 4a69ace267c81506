/* Adds the products of a row of the window that lies inside; returns where the next row's weights begin. */
INSIDE const uint8_t *inner_row(const uint8_t *w, const int8_t *line, int32_t k_row, int32_t *sum)
{
    int32_t found = *sum;
    for (int32_t start = 0; start < k_row; start += 255) {
        const int8_t *x = line + start;
        const uint8_t *end = w + 1 + 2 * w[0];
        for (w++; w != end; w += 2) {
            x += w[0];
            found += *x * (int8_t)w[1];
        }
    }
    *sum = found;
    return w;
}

/* The same of this window and the next, which lies `step` further. */
INSIDE const uint8_t *inner_rows(const uint8_t *w, const int8_t *line, int32_t k_row, int32_t step, int32_t *sums)
{
    int32_t one = sums[0], other = sums[1];
    for (int32_t start = 0; start < k_row; start += 255) {
        const int8_t *x = line + start;
        const uint8_t *end = w + 1 + 2 * w[0];
        for (w++; w != end; w += 2) {
            const int32_t weight = (int8_t)w[1];
            x += w[0];
            one += x[0] * weight;
            other += x[step] * weight;
        }
    }
    sums[0] = one;
    sums[1] = other;
    return w;
}

/* The same of a row that padding reaches into: `line` holds the places from v->before on, v->run of them. */
INSIDE const uint8_t *outer_row(const struct conv *p, const struct window *v, const uint8_t *w, const int8_t *line,
                                int32_t *sum)
{
    for (int32_t start = 0; start < v->k_row; start += 255) {
        int32_t i = start - v->before;
        const uint8_t *end = w + 1 + 2 * w[0];
        for (w++; w != end; w += 2) {
            i += w[0];
            *sum += (line != 0 && i >= 0 && i < v->run ? line[i] : p->in_zero) * (int8_t)w[1];
        }
    }
    return w;
}

/* Filters of which some weights alone are stored; folded. By filter, row of the window, and every 255 places of that:
   how many there are, then for each how many places it lies after the one before, and the weight. */
KERNEL void conv_sparse(const struct conv *restrict p, const int8_t *restrict x, int8_t *restrict y)
{
    for (int32_t oy = 0; oy < p->out_h; oy++)
        for (int32_t ox = 0; ox < p->out_w; ox++) {
            const struct window v = window_of(p, x, oy, ox);
            const int two = TWO_WINDOWS && v.has_next;
            const uint8_t *w = p->weights;
            for (int32_t o = 0; o < p->out_c; o++, y++) {
                const int8_t *line = v.x;
                int32_t sums[2] = {p->bias[o], p->bias[o]};
                for (int32_t ky = 0; ky < p->k_h; ky++) {
                    const int inside = ky >= v.y_tap && ky < v.y_end;
                    if (!inside || v.run != v.k_row) {
                        int32_t more = 0; /* the same for both where the row is padding */
                        w = outer_row(p, &v, w, inside ? line : 0, &more);
                        sums[0] += more;
                        sums[1] += more;
                    } else if (two)
                        w = inner_rows(w, line, v.k_row, v.step, sums);
                    else
                        w = inner_row(w, line, v.k_row, sums);
                    line = inside ? line + v.x_row : line;
                }
                y[0] = conv_code(p, sums[0], o);
                if (two)
                    y[p->out_c] = conv_code(p, sums[1], o);
            }
            if (two) {
                y += p->out_c;
                ox++;
            }
        }
}
