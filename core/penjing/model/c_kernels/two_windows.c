#if defined(__thumb__) && !defined(__thumb2__)
#define TWO_WINDOWS 0 /* too few registers */
#else
#define TWO_WINDOWS 1
#endif
