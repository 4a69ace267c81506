/* A convolution as CMSIS-NN takes it: the bias as it is, multiplier and shift of every filter. */
struct cmsis_layer {
    const int8_t *weights;
    const int32_t *bias, *multiplier, *shift;
    int32_t in_h, in_w, in_c, out_h, out_w, out_c, k_h, k_w;
    int32_t stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, in_zero, out_zero, low, high;
};

INSIDE cmsis_nn_dims cmsis_image(int32_t count, int32_t height, int32_t width, int32_t channels)
{
    const cmsis_nn_dims dims = {.n = count, .h = height, .w = width, .c = channels};
    return dims;
}

INSIDE cmsis_nn_tile cmsis_pair(int32_t height, int32_t width)
{
    const cmsis_nn_tile tile = {.w = width, .h = height};
    return tile;
}
