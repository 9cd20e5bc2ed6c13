// placeholder until the layer is built
