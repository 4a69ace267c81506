/* Two tensors value by value; the second starts again after `period` values. */
struct join {
    uint32_t a_multiplier, b_multiplier;
    int32_t b_sign, shift, count, period, a_zero, b_zero, out_zero, low, high;
};
