"""Programs that keep something with every call of `work`, or with every tenth or hundredth. `# kept` marks the line to find."""
