"""The engine of compiled programs: whole epochs in one call, kept from trial to trial."""
