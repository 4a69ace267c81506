/* A layer over time, from a state of 0: weights [gates][hidden][features + hidden], states in 1/32768, what gates see
   in 1/65536. `last`: only the last state is the result; `reverse`: from the last step to the first. */
struct recurrent {
    const void *weights;
    const int8_t *weight_zeros;
    const int32_t *input_multiplier, *state_multiplier;
    const int8_t *argument_shift;
    const int32_t *bias, *state_bias;
    int32_t multiplier, shift, per_channel, steps, features, hidden, last, reverse, in_zero, out_zero, low, high;
};

/* What a gate sees of the input and of the state before. */
struct seen {
    int32_t input, state;
};

/* round(product / 2^bits), half up; right shifts of negative values are arithmetic. */
INSIDE int32_t halved(int64_t product, int32_t bits)
{
    return (int32_t)((product + ((int64_t)1 << (bits - 1))) >> bits);
}

INSIDE int32_t limited(int64_t value, int32_t limit)
{
    return value > limit ? limit : value < -limit ? -limit : (int32_t)value;
}

KERNEL int32_t argument(int32_t sum, int32_t multiplier, int32_t shift)
{
    const int64_t found = ((int64_t)sum * multiplier + ((int64_t)1 << (shift - 1))) >> shift;
    return limited(found, (int32_t)1 << 28);
}

/* The place of step t; an argument that both parts of what gate `row` sees make up. */
INSIDE int32_t place_of(const struct recurrent *p, int32_t t)
{
    return p->reverse ? p->steps - 1 - t : t;
}

INSIDE int32_t whole_of(const struct recurrent *p, struct seen seen, int32_t row)
{
    return seen.input + seen.state + p->bias[row];
}

/* The states after step t become those before the next, and the result where they are asked for. */
KERNEL void finish_step(const struct recurrent *p, int32_t t, int32_t *state, const int32_t *next, int8_t *y)
{
    int8_t *to = p->last ? y : y + place_of(p, t) * p->hidden;
    for (int32_t j = 0; j < p->hidden; j++) {
        state[j] = next[j];
        to[j] = clamped(rescale(next[j], p->multiplier, p->shift) + p->out_zero, p->low, p->high);
    }
}
