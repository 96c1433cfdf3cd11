"""Where frames come from: camera, file, network stream, the viewer's own browser, the demo clip."""
