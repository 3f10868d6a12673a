#include "backend.h"

unsigned int mark_shift(uint32_t mask)
{
    return (unsigned int)__builtin_ctz(mask);
}

bool mark_mask_valid(uint32_t mask)
{
    return __builtin_popcount(mask) == 16 && mask >> mark_shift(mask) == 0xffff;
}

void rule_comment(const struct rule *rule, struct text *out)
{
    text_add(out, "%u %s", rule->number, rule->text);
}
