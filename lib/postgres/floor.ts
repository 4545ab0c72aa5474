// A client's floor: the position below which its reads may not be served (DESIGN 5).

import { anyFreshness, type Freshness } from '../core/freshness.ts'

export class Floor {
  freshness (): Freshness { return anyFreshness }
}
