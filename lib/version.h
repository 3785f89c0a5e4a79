/** version: the one place that knows the release, as the programs print it. */
#ifndef WEFT_LIB_VERSION_H
#define WEFT_LIB_VERSION_H

/** "0.1.0"; static. */
const char *weft_version(void);

#endif
