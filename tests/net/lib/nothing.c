/* SPDX-License-Identifier: BSD-2-Clause */
/* A program, or a library, that does nothing: it exists for what it is linked with. */
int main(void)
{
    return 0;
}
