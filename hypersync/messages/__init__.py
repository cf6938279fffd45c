"""What people read: views are values, rendering is the one Jinja environment over them."""
