/* Where the processor multiplies halves of 16 bits (Cortex-M4, M7, M33, ...), four codes at once stand in halves. */
#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__)
#define FOURS 1

struct four {
    int32_t even, odd;
};

/* Four codes, `less` subtracted from each. */
INSIDE struct four four_less(const int8_t *from, int32_t less)
{
    struct four found;
    int32_t word;
    memcpy(&word, from, sizeof word);
    const int32_t more = (int32_t)((uint32_t)-less << 16 | ((uint32_t)-less & 0xffff));
    __asm__("sxtab16 %0, %1, %2" : "=r"(found.even) : "r"(more), "r"(word));
    __asm__("sxtab16 %0, %1, %2, ror #8" : "=r"(found.odd) : "r"(more), "r"(word));
    return found;
}

/* Four codes. */
INSIDE struct four four_at(const int8_t *from)
{
    struct four found;
    int32_t word;
    memcpy(&word, from, sizeof word);
    __asm__("sxtb16 %0, %1" : "=r"(found.even) : "r"(word));
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(found.odd) : "r"(word));
    return found;
}

/* sum and the four products. */
INSIDE int32_t add_four(int32_t sum, struct four a, struct four b)
{
    __asm__("smlad %0, %1, %2, %0" : "+r"(sum) : "r"(a.even), "r"(b.even));
    __asm__("smlad %0, %1, %2, %0" : "+r"(sum) : "r"(a.odd), "r"(b.odd));
    return sum;
}

/* sum and the product of the lower halves, or of the upper ones. */
INSIDE int32_t add_lower(int32_t sum, int32_t a, int32_t b)
{
    __asm__("smlabb %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
    return sum;
}

INSIDE int32_t add_upper(int32_t sum, int32_t a, int32_t b)
{
    __asm__("smlatt %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
    return sum;
}
#endif
