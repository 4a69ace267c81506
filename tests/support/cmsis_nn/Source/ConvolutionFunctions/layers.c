/* Plain loops; see the header. Work room is overwritten in full, so that one that is too small is seen. */
#include <arm_nnfunctions.h>

#include <string.h>

/* value * multiplier * 2^(shift - 31). */
static int32_t rescaled(int64_t value, int32_t multiplier, int32_t shift)
{
#ifdef CMSIS_NN_USE_SINGLE_ROUNDING
    /* Once, halves up. */
    const int32_t right = 31 - shift;
    return (int32_t)((value * multiplier + ((int64_t)1 << (right - 1))) >> right);
#else
    /* To the high half of twice the product, halves up; then divided, halves away from zero. */
    const int32_t left = shift > 0 ? shift : 0, right = shift > 0 ? 0 : -shift;
    const int64_t high = (value * ((int64_t)1 << left) * multiplier + ((int64_t)1 << 30)) >> 31;
    const int64_t size = high < 0 ? -high : high;
    const int64_t divided = (size + (right ? (int64_t)1 << (right - 1) : 0)) >> right;
    return (int32_t)(high < 0 ? -divided : divided);
#endif
}

static int8_t limited(int32_t value, cmsis_nn_activation to)
{
    return (int8_t)(value < to.min ? to.min : value > to.max ? to.max : value);
}

static int is_matrix(const cmsis_nn_conv_params *how, const cmsis_nn_dims *filter)
{
    return filter->h == 1 && filter->w == 1 && how->stride.h == 1 && how->stride.w == 1 && how->padding.h == 0 &&
           how->padding.w == 0 && how->dilation.h == 1 && how->dilation.w == 1;
}

int32_t arm_convolve_wrapper_s8_get_buffer_size(const cmsis_nn_conv_params *how, const cmsis_nn_dims *in,
                                                const cmsis_nn_dims *filter, const cmsis_nn_dims *out)
{
    (void)out;
    const int32_t column = filter->h * filter->w * in->c;
    return is_matrix(how, filter) ? 0 : 2 * 2 * ((column + 3) / 4 * 4);
}

arm_cmsis_nn_status arm_convolve_wrapper_s8(const cmsis_nn_context *room, const cmsis_nn_conv_params *how,
                                            const cmsis_nn_per_channel_quant_params *scales, const cmsis_nn_dims *in,
                                            const int8_t *x, const cmsis_nn_dims *filter, const int8_t *weights,
                                            const cmsis_nn_dims *bias_dims, const int32_t *bias,
                                            const cmsis_nn_dims *out, int8_t *y)
{
    (void)bias_dims;
    memset(room->buf, 0x5a, (size_t)arm_convolve_wrapper_s8_get_buffer_size(how, in, filter, out));
    for (int32_t oy = 0; oy < out->h; oy++)
        for (int32_t ox = 0; ox < out->w; ox++)
            for (int32_t o = 0; o < out->c; o++) {
                int64_t sum = bias[o];
                for (int32_t ky = 0; ky < filter->h; ky++)
                    for (int32_t kx = 0; kx < filter->w; kx++) {
                        const int32_t row = oy * how->stride.h - how->padding.h + ky * how->dilation.h;
                        const int32_t column = ox * how->stride.w - how->padding.w + kx * how->dilation.w;
                        if (row < 0 || row >= in->h || column < 0 || column >= in->w)
                            continue;
                        for (int32_t c = 0; c < in->c; c++)
                            sum += (x[(row * in->w + column) * in->c + c] + how->input_offset) *
                                   weights[((o * filter->h + ky) * filter->w + kx) * in->c + c];
                    }
                *y++ = limited(rescaled(sum, scales->multiplier[o], scales->shift[o]) + how->output_offset,
                               how->activation);
            }
    return ARM_CMSIS_NN_SUCCESS;
}

int32_t arm_depthwise_conv_wrapper_s8_get_buffer_size(const cmsis_nn_dw_conv_params *how, const cmsis_nn_dims *in,
                                                      const cmsis_nn_dims *filter, const cmsis_nn_dims *out)
{
    (void)out;
    const int small = filter->h == 3 && filter->w == 3 && how->padding.h <= 1 && how->padding.w <= 1;
    return small || how->dilation.h != 1 || how->dilation.w != 1 ? 0 : 2 * in->c * filter->h * filter->w;
}

arm_cmsis_nn_status arm_depthwise_conv_wrapper_s8(const cmsis_nn_context *room, const cmsis_nn_dw_conv_params *how,
                                                  const cmsis_nn_per_channel_quant_params *scales,
                                                  const cmsis_nn_dims *in, const int8_t *x,
                                                  const cmsis_nn_dims *filter, const int8_t *weights,
                                                  const cmsis_nn_dims *bias_dims, const int32_t *bias,
                                                  const cmsis_nn_dims *out, int8_t *y)
{
    (void)bias_dims;
    if (how->ch_mult != 1 || in->c != out->c || filter->c != out->c)
        return ARM_CMSIS_NN_ARG_ERROR;
    memset(room->buf, 0x5a, (size_t)arm_depthwise_conv_wrapper_s8_get_buffer_size(how, in, filter, out));
    for (int32_t oy = 0; oy < out->h; oy++)
        for (int32_t ox = 0; ox < out->w; ox++)
            for (int32_t c = 0; c < out->c; c++) {
                int64_t sum = bias[c];
                for (int32_t ky = 0; ky < filter->h; ky++)
                    for (int32_t kx = 0; kx < filter->w; kx++) {
                        const int32_t row = oy * how->stride.h - how->padding.h + ky * how->dilation.h;
                        const int32_t column = ox * how->stride.w - how->padding.w + kx * how->dilation.w;
                        if (row >= 0 && row < in->h && column >= 0 && column < in->w)
                            sum += (x[(row * in->w + column) * in->c + c] + how->input_offset) *
                                   weights[(ky * filter->w + kx) * filter->c + c];
                    }
                *y++ = limited(rescaled(sum, scales->multiplier[c], scales->shift[c]) + how->output_offset,
                               how->activation);
            }
    return ARM_CMSIS_NN_SUCCESS;
}

arm_cmsis_nn_status arm_fully_connected_wrapper_s8(const cmsis_nn_context *room, const cmsis_nn_fc_params *how,
                                                   const cmsis_nn_quant_params *scales, const cmsis_nn_dims *in,
                                                   const int8_t *x, const cmsis_nn_dims *filter,
                                                   const int8_t *weights, const cmsis_nn_dims *bias_dims,
                                                   const int32_t *bias, const cmsis_nn_dims *out, int8_t *y)
{
    (void)room;
    (void)bias_dims;
    if (in->n != 1 || filter->n != in->h * in->w * in->c || filter->c != out->c)
        return ARM_CMSIS_NN_ARG_ERROR;
    for (int32_t o = 0; o < out->c; o++) {
        const int32_t scale = scales->is_per_channel ? o : 0;
        int64_t sum = bias[o];
        for (int32_t k = 0; k < filter->n; k++)
            sum += (x[k] + how->input_offset) * (weights[o * filter->n + k] + how->filter_offset);
        y[o] = limited(rescaled(sum, scales->multiplier[scale], scales->shift[scale]) + how->output_offset,
                       how->activation);
    }
    return ARM_CMSIS_NN_SUCCESS;
}

arm_cmsis_nn_status arm_max_pool_s8(const cmsis_nn_context *room, const cmsis_nn_pool_params *how,
                                    const cmsis_nn_dims *in, const int8_t *x, const cmsis_nn_dims *window,
                                    const cmsis_nn_dims *out, int8_t *y)
{
    (void)room;
    for (int32_t oy = 0; oy < out->h; oy++)
        for (int32_t ox = 0; ox < out->w; ox++)
            for (int32_t c = 0; c < out->c; c++) {
                int32_t most = INT8_MIN;
                for (int32_t ky = 0; ky < window->h; ky++)
                    for (int32_t kx = 0; kx < window->w; kx++) {
                        const int32_t row = oy * how->stride.h - how->padding.h + ky;
                        const int32_t column = ox * how->stride.w - how->padding.w + kx;
                        if (row < 0 || row >= in->h || column < 0 || column >= in->w)
                            continue;
                        const int32_t value = x[(row * in->w + column) * in->c + c];
                        most = value > most ? value : most;
                    }
                *y++ = limited(most, how->activation);
            }
    return ARM_CMSIS_NN_SUCCESS;
}

arm_cmsis_nn_status arm_elementwise_mul_s8(const int8_t *a, const int8_t *b, const int32_t a_offset,
                                           const int32_t b_offset, int8_t *y, const int32_t out_offset,
                                           const int32_t multiplier, const int32_t shift, const int32_t low,
                                           const int32_t high, const int32_t count)
{
    const cmsis_nn_activation bounds = {low, high};
    for (int32_t i = 0; i < count; i++) {
        const int32_t product = (a[i] + a_offset) * (b[i] + b_offset);
        y[i] = limited(rescaled(product, multiplier, shift) + out_offset, bounds);
    }
    return ARM_CMSIS_NN_SUCCESS;
}
