/* Rows of a table, named by their numbers; beyond the last there is the last. */
struct rows {
    const int8_t *table;
    int32_t count, rows, width, in_zero;
};

KERNEL void rows(const struct rows *p, const int8_t *x, int8_t *y)
{
    for (int32_t i = 0; i < p->count; i++, y += p->width) {
        const int32_t number = x[i] - p->in_zero;
        memcpy(y, p->table + (number < p->rows ? number : p->rows - 1) * p->width, (size_t)p->width);
    }
}
