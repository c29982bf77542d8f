"""One sweep from spec to best configuration; the only room that knows both Ray and trials."""
