/* SPDX-License-Identifier: Apache-2.0 */
/* The manual page ims.conf(5), made from settings.def. Pure. */
#ifndef IMS_CONF_MAN_H
#define IMS_CONF_MAN_H

#include "lib/base/buf.h"

void conf_man(struct buf *out);

#endif
