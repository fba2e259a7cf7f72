/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's clocks, for the loop and for set-up code. Everything else is told the
 * time by its caller. */
#ifndef IMS_OS_CLOCK_H
#define IMS_OS_CLOCK_H

#include <stdint.h>

int64_t clock_mono_ms(void); /* monotonic, from an unknown start */
int64_t clock_mono_us(void);
int64_t clock_wall_ms(void); /* Unix time */

#endif
