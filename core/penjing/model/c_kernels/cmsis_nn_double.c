/* CMSIS-NN takes the layers of which its result is this network's own, bit for bit. */
#include <arm_nnfunctions.h>

#ifdef CMSIS_NN_USE_SINGLE_ROUNDING
#error "This network rounds twice: build CMSIS-NN, and this file, without -DCMSIS_NN_USE_SINGLE_ROUNDING."
#endif
