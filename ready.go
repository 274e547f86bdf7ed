package endpoints

// Ready implements ready.Readiness: the first full state is published.
func (h *handler) Ready() bool { return h.cache.Load().isSynced() }
