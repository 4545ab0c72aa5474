// What the compiler of operations asks of its surroundings.

export const contextWith = (planCache) => ({ now: () => new Date(), uuid: () => '', cuid: () => '', limits: { maxDepth: 10, maxParameters: 32_767 }, planCache })
