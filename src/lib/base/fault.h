/* SPDX-License-Identifier: Apache-2.0 */
/* Places where a test can make a role die. Built in only with -Dfaults=true; a
 * release has an empty macro. FAULT("receive.mail", text) dies by SIGSEGV when the
 * environment's IMS_FAULT is "receive.mail=NEEDLE" and `text` holds NEEDLE. */
#ifndef IMS_BASE_FAULT_H
#define IMS_BASE_FAULT_H

#ifdef IMS_FAULTS
#include "lib/base/str.h"
void fault_check(const char *place, struct str text);
#define FAULT(place, text) fault_check(place, text)
#else
#define FAULT(place, text) ((void)(text))
#endif

#endif
