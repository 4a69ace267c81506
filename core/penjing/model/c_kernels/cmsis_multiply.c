/* The products of two tensors, value by value. */
struct cmsis_product {
    int32_t multiplier, shift, count, a_zero, b_zero, out_zero, low, high;
};

KERNEL void cmsis_multiply(const struct cmsis_product *restrict p, const int8_t *a, const int8_t *b, int8_t *y)
{
    arm_elementwise_mul_s8(a, b, -p->a_zero, -p->b_zero, y, p->out_zero, p->multiplier, p->shift, p->low, p->high,
                           p->count);
}
