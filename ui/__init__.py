"""What the staff see: one module per page, named after what they call it.

Write `from nicegui import ui` and `from ui.x import y`; `import ui.x` would rebind NiceGUI's name.
"""
