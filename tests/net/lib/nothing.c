/* SPDX-License-Identifier: BSD-2-Clause */
/* A program, or a library, that does nothing: only the names it is linked with count. */
int main(void)
{
    return 0;
}
