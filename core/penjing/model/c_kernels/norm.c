/* Values less their mean, by the root of their variance, times a factor, plus an offset: [outer][groups][inner] values,
   one mean for each group; factors change every `run` values. A normalized value has `fraction` bits behind the point. */
struct norm {
    const int32_t *factors, *offsets;
    int32_t multiplier, shift, outer, groups, inner, run, channels, epsilon, epsilon_shift, fraction, down;
    int32_t in_zero, out_zero, low, high;
};

/* The whole root of 2^60 .. 2^62. */
KERNEL uint32_t root(uint64_t value)
{
    uint32_t found = 0;
    for (uint32_t bit = (uint32_t)1 << 30; bit != 0; bit >>= 1) {
        const uint32_t larger = found | bit;
        if ((uint64_t)larger * larger <= value)
            found = larger;
    }
    return found;
}

KERNEL void norm(const struct norm *restrict p, const int8_t *restrict x, int8_t *restrict y)
{
    const int32_t count = p->outer * p->inner;
    for (int32_t g = 0; g < p->groups; g++) {
        int64_t squares = 0;
        int32_t total = 0, bits = 0;
        for (int32_t o = 0; o < p->outer; o++)
            for (int32_t k = 0, i = (o * p->groups + g) * p->inner; k < p->inner; k++, i++) {
                const int32_t code = x[i] - p->in_zero;
                total += code;
                squares += code * code;
            }
        uint64_t wide = (uint64_t)(count * squares - (int64_t)total * total) + ((uint64_t)p->epsilon << p->epsilon_shift);
        while (wide != 0 && wide < (uint64_t)1 << 60) {
            wide <<= 2;
            bits++;
        }
        const uint32_t width = wide == 0 ? 1 : root(wide);
        for (int32_t o = 0; o < p->outer; o++)
            for (int32_t k = 0, i = (o * p->groups + g) * p->inner; k < p->inner; k++, i++) {
                const int64_t distance = (int64_t)count * (x[i] - p->in_zero) - total;
                const uint64_t far = (uint64_t)(distance < 0 ? -distance : distance) << (p->fraction + bits);
                const int64_t size = (int64_t)((far + width / 2) / width);
                const int32_t channel = i / p->run % p->channels;
                const int64_t scaled = (distance < 0 ? -size : size) * p->factors[channel];
                const int64_t sum = ((scaled + ((int64_t)1 << (p->down - 1))) >> p->down) + p->offsets[channel];
                y[i] = clamped(rescale((int32_t)sum, p->multiplier, p->shift) + p->out_zero, p->low, p->high);
            }
    }
}
