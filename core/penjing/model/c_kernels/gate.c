/* What gate `row` sees; weights of @BITS@ bits. */
KERNEL struct seen gate_@BITS@bit(const struct recurrent *p, const int8_t *x, const int32_t *state, int32_t row)
{
    const int32_t first = row * (p->features + p->hidden), scale = row * p->per_channel, before = first + p->features;
    const int32_t zero = p->weight_zeros == 0 ? 0 : p->weight_zeros[scale], shift = p->argument_shift[scale];
    int32_t input = 0, sum = 0;
    for (int32_t i = 0; i < p->features; i++)
        input += (x[i] - p->in_zero) * (weight_@BITS@bit(p->weights, first + i) - zero);
    for (int32_t i = 0; i < p->hidden; i++)
        sum += state[i] * (weight_@BITS@bit(p->weights, before + i) - zero);
    const struct seen found = {
        .input = argument(input, p->input_multiplier[scale], shift),
        .state = argument(sum, p->state_multiplier[scale], shift),
    };
    return found;
}
