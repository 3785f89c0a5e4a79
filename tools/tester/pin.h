/** pin: the core that a thread of a tester runs on. */
#ifndef WEFT_TOOLS_TESTER_PIN_H
#define WEFT_TOOLS_TESTER_PIN_H

/**
 * Keep the calling thread, and those that it starts, on one core. 0, -EINVAL when there is none of
 * that number, or that is not ours to use.
 */
int pin_thread(unsigned cpu);

#endif
